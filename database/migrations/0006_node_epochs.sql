-- Up Migration
--
-- Which life of a node this is: every start of any node takes the next number, so that a clock that was set back cannot make a node's new life look
-- older than its last one. Above what nodes took before, the milliseconds since 1970.

CREATE SEQUENCE node_epochs START 2000000000000;
