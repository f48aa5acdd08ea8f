CREATE OR REPLACE VIEW identities
(
    visitor String COMMENT 'Device or browser id.',
    start DateTime64(3, 'UTC') COMMENT 'Start of the session, UTC.',
    from DateTime64(3, 'UTC') COMMENT 'First event, in an unbroken run, that names the customer, UTC.',
    to DateTime64(3, 'UTC') COMMENT 'Last event of that run, UTC.',
    customer String COMMENT 'Known person\'s id.'
)
AS SELECT visitor,
    start,
    from,
    to,
    customer
FROM stored_identities AS t FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'A visitor was seen as a customer from-to, within one session. A device that two people share has ranges of both.'
