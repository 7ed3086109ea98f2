export const packageName = 'database';
