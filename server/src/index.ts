export const packageName = 'server';
