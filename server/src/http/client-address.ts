/** Where a request comes from: the other end of its socket, or, through proxies that are trusted, what they say of it (`X-Forwarded-For`). */
import type { IncomingMessage } from 'node:http';
import proxyAddr from '@fastify/proxy-addr';
import type { Config } from '../config.ts';

/** Whether this address, `hop` proxies away, is believed. As Fastify and `proxy-addr` take it. */
export type Trust = (address: string, hop: number) => boolean;

export function trustOf(trustProxy: Config['trustProxy']): Trust {
  if (typeof trustProxy === 'boolean') return () => trustProxy;
  if (typeof trustProxy === 'number') return (_address, hop) => hop < trustProxy;
  return proxyAddr.compile(trustProxy);
}

export const clientAddress = (request: IncomingMessage, trust: Trust): string => proxyAddr(request, trust);
