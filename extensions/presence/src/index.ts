export const name = 'presence';
