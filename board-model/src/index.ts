/** The board as a CRDT. See README.md for guarantees and SPEC.md for the document's key grammar. */
export { BoardModelError, type BoardModelErrorCode } from './errors.ts';
export {
  asBoardId, asColumnId, asCommentId, asGroupId, asItemId, asUserId, isId, isUserId, newId,
  type BoardId, type ColumnId, type CommentId, type GroupId, type ItemId, type UserId,
} from './ids.ts';
export * from './types.ts';
export { isColumnType, isSafeUrl, mergeOf, parseValue, type Merge } from './values.ts';
export {
  archiveColumn, archiveGroup, createColumn, createGroup, initBoard, isStructureLocked, moveColumn, moveGroup, readBoard, readColumns, readGroups,
  restoreColumn, restoreGroup, updateBoard, updateColumn, updateGroup,
  type BoardPatch, type NewBoard, type NewColumn, type NewGroup, type Spot, type StructureOptions,
} from './structure.ts';
export { withTextIndex } from './text-index.ts';
export { claimedOwner, ColumnIndex, listItems, readItem, type ItemOptions, type ListOptions } from './read.ts';
export { createItem, deleteItem, moveItem, restoreItem, updateItem, type ItemPatch, type NewItem } from './items.ts';
export { addComment, deleteComment, editComment, readComment, readComments, restoreComment, type NewComment } from './comments.ts';
export { cellOf, openRoots, parseRoot } from './schema.ts';
export { depthOf, isFixed, isKey, isRequired, judgeEntry, judgeFormat, type EntryContext, type EntryFault, type FieldsOf } from './grammar.ts';
export { readType as columnTypeOf } from './settings.ts';
export { clampTime, sameValue, valueOf as valueOfRegister } from './register.ts';
export { longText } from './long-text.ts';
export { EXCERPT_LENGTH, itemProjector, projectBoard, projectItem, type BoardProjection, type ItemProjection } from './projection.ts';
export { forEachChanged, touchedBy, type ChangedType, type Touched } from './touched.ts';
export { readChanges, type BoardChange, type CreatedItem, type FieldChange, type ItemPlace, type TextStep } from './changes.ts';
export { itemState, itemStateBefore, type ItemState } from './item-state.ts';
export {
  judge, readKeyWrites, restate, SAME_MOMENT_MS, sameId, structUnder, type KeyWrites, type RegisterWrite, type Restatement, type StructId, type Verdict,
} from './last-writer.ts';
export { computeColumns } from './computed.ts';
export { importTable, importTableSteps, type ImportProgress, type ImportSummary, type TableInput } from './table-import.ts';
export { exportTable, type TableOptions } from './table-export.ts';
export { escapeFormula, formatValue, namesOf, type Names } from './table-format.ts';
export { exportJson, importJson, importJsonSteps, type BoardExport, type JsonImportOptions } from './json.ts';
export { applyInverse } from './undo.ts';
export { imageOfItem, readImage, type BoardImage, type ItemImage } from './image.ts';
export { diffImages, type BoardDiff, type EntriesDiff, type EntryDifference, type ItemDifference, type ItemSummary, type ShownPlace } from './diff.ts';
export { applyRestoration, isEmptyRestoration, restorationOf, restorationOfItem, restorationParts, type Restoration } from './restore.ts';
export { mapPlaceholder } from './people.ts';
