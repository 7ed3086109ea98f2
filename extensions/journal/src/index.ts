export const packageName = 'extensions/journal';
