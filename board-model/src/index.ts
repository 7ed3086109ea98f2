export const packageName = 'board-model';
