export const packageName = 'extensions/access';
