/** Why an update is refused. Each kind has a code of its own, which the server's registry (server/src/errors.ts) documents. */
import type { EntryFault } from '@sunday/board-model';

export type GuardCode =
  | 'malformed_update'
  | 'update_too_complex'
  | 'update_too_deep'
  | 'update_incomplete'
  | 'update_unknown_path'
  | 'update_wrong_type'
  | 'update_duplicate_record'
  | 'update_removes_record'
  | 'update_fixed_field'
  | 'update_invalid_value'
  | 'update_invalid_link'
  | 'update_computed_column'
  | 'update_unknown_item'
  | 'update_foreign_author'
  | 'update_foreign_client'
  | 'update_foreign_part'
  | 'update_structure_locked'
  | 'update_not_allowed';

/** Thrown inside the guard only, from wherever the judgement fell; never into Hocuspocus. */
export class Refusal extends Error {
  readonly code: GuardCode;
  constructor(code: GuardCode, options?: ErrorOptions) {
    super(code, options);
    this.name = 'Refusal';
    this.code = code;
  }
}

/** It may be that its owner has not told this node yet; or that the owner is gone, which nobody has noticed so far. */
export class Untold extends Refusal {
  constructor() {
    super('update_foreign_client');
    this.name = 'Untold';
  }
}

export const faultCode = (fault: EntryFault): GuardCode => `update_${fault}`;
