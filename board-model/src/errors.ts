/**
 * The one error class of the board model. `code` is stable and may be shown to other programs; `field` names the
 * column id or property that was at fault. Only writes and id parsers throw it: reads never throw.
 */
export type BoardModelErrorCode =
  | 'invalid_value' // a value of the wrong type, shape or size for its column or property
  | 'invalid_link' // a link that is not http, https or mailto
  | 'invalid_id' // an id outside [A-Za-z0-9_-]{1,64}, or a name every JavaScript object has
  | 'unknown_column'
  | 'unknown_group'
  | 'unknown_item'
  | 'unknown_comment'
  | 'unknown_label' // a status or dropdown label that the column does not have
  | 'computed_column' // a write to a column whose value is computed
  | 'unsupported_column_type' // a write to a column of a type this version does not know
  | 'invalid_import' // import data that is not a table or a Sunday export
  | 'two_copies_of_yjs'; // the document was made by another copy of yjs, so none of its types can be recognised

export class BoardModelError extends Error {
  readonly code: BoardModelErrorCode;
  readonly field: string | undefined;

  constructor(code: BoardModelErrorCode, message: string, field?: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BoardModelError';
    this.code = code;
    this.field = field;
  }
}
