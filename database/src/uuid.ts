const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether a text is an id of a board or another row, spelled as Postgres gives it back. A `uuid` column takes other spellings, too; to everything else they are other names. */
export const isUuid = (text: string): boolean => UUID.test(text);
