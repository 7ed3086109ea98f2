/** @sunday/extension-access: who may open which board as what. See README.md for what it guarantees. */
export { createAccess, type Access, type AccessOptions } from './access.ts';
export type { AccessContext } from './attachments.ts';
export { ACCESS_CHANNEL, type Announcement } from './announcements.ts';
export { signDevSession, type DevSession, type DevSessionInput } from './dev-session.ts';
export type { AccessLog, AccessTiming } from './enforcement.ts';
export { AccessError, type AccessCode } from './errors.ts';
export type { Identity } from './identity.ts';
export { type Role } from './roles.ts';
export { createTokenVerifier, type TokenVerifier, type TokenVerifierOptions } from './token-verifier.ts';
