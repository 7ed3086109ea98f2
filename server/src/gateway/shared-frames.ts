/** What a broadcast has in common for all of its sockets, made once. */
import { awarenessFrame, readEnvelope, type Envelope } from './protocols.ts';

/** A broadcast comes with the same bytes for one socket after the other: the last envelope and presence frame are kept. */
let lastEnvelope: { frame: Uint8Array; envelope: Envelope | null } | null = null;
let lastPresence: { address: string; update: Uint8Array; frame: Uint8Array } | null = null;

export function envelopeOf(frame: Uint8Array): Envelope | null {
  if (lastEnvelope?.frame !== frame) lastEnvelope = { frame, envelope: readEnvelope(frame) };
  return lastEnvelope.envelope;
}

export function presenceFrame(address: string, update: Uint8Array): Uint8Array {
  if (lastPresence?.update !== update || lastPresence.address !== address) {
    lastPresence = { address, update, frame: awarenessFrame(address, update) };
  }
  return lastPresence.frame;
}
