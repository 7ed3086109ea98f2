/** @sunday/extension-event-bus: committed events to whoever consumes them. See README.md for what it guarantees. */
export { createAnnouncer, EVENTS_CHANNEL, parseNotification, type Announcer } from './announcer.ts';
export { withAttendance, type AttendingPeer, type PresenceLane } from './attendance.ts';
export { Consumers, DEFAULT_CONSUMERS_LIMITS, type ConsumersLimits, type ConsumersObserver, type ConsumersOptions } from './consumers.ts';
export { EmbeddedBus } from './embedded.ts';
export { decodeEvent, EVENT_COLUMNS, eventOfRow, topicOf, TOPICS, type BoardEvent, type EphemeralEvent, type EventMetadata, type EventRow, type Topic } from './envelope.ts';
export { BusFull, DEFAULT_BUS_LIMITS, type BusDrop, type BusKind, type BusLimits, type BusObserver, type BusState, type EventBus, type SubscribeOptions, type Subscription } from './event-bus.ts';
export { discardParked, listFailed, replayParked, type AfterParked, type DeliveryFilter, type DeliveryState, type FailedDelivery } from './failed-deliveries.ts';
export type { ConsumerDefinition } from './group-consumer.ts';
export { openEventBus, type BusConfig, type OpenBusOptions } from './open.ts';
export { busMemory, type BusMemory, type OutboxLag } from './outbox.ts';
export { RedisBus } from './redis.ts';
export { Relay, type RelayObserver, type RelayOptions } from './relay.ts';
