export const packageName = 'client-sdk';
