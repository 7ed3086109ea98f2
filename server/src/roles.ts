/**
 * Which parts of Sunday a process runs (`SUNDAY_ROLES`). Every process answers /healthz, /readyz and /metrics, and has the live
 * documents, the journal and the way to the other nodes: a role decides whom it serves with them.
 */
export const ROLES = [
  /** Browsers' sockets: `/sync` and `/yjs/{boardId}`. */
  'sync',
  /** REST, its documentation, and the web app. Writes act on live boards, which this process loads like any node. */
  'api',
  /** Takes committed events from the outbox to the event bus. */
  'relay',
  /** Consumes events from the bus and acts on them. */
  'workers',
] as const;

export type Role = (typeof ROLES)[number];

/** In the order of ROLES, never empty. */
export type Roles = ReadonlySet<Role>;

export const ALL_ROLES: Roles = new Set(ROLES);

export const namesOf = (roles: Roles): string => [...roles].join(', ');
