CREATE OR REPLACE VIEW cases
(
    review String COMMENT 'Id of the opinion.',
    order String COMMENT 'Order that it names; empty for most mentions.',
    month DateTime64(3, 'UTC') COMMENT 'First of the month of the opinion, UTC; filter by it.',
    customer String COMMENT 'Known person\'s id.',
    source LowCardinality(String) COMMENT 'Where it was posted.',
    stars Float64 COMMENT 'Rating on a scale from 1 to 5; 0: none.',
    opened Nullable(DateTime64(3, 'UTC')) COMMENT 'Posted.',
    answered Nullable(DateTime64(3, 'UTC')) COMMENT 'First answer; NULL: never.',
    contact_due Nullable(DateTime64(3, 'UTC')) COMMENT 'Contact was promised until then; NULL: never.',
    resolved Nullable(DateTime64(3, 'UTC')) COMMENT 'Resolved; NULL: never.',
    resolution LowCardinality(String) COMMENT 'How it was resolved: refund, replacement, answer.',
    state String COMMENT 'resolved, answered, promised, broken, ignored, open.',
    age_days Nullable(Float64) COMMENT 'Days since it was posted, until it was resolved or until now.'
)
AS SELECT t.review AS review, t.order AS order, t.month AS month, t.customer AS customer, t.source AS source, t.stars AS stars,
    t.posted AS opened, t.answered AS answered, t.contact_due AS contact_due, t.resolved AS resolved, t.resolution AS resolution,
    multiIf(t.resolved IS NOT NULL, 'resolved', t.contact_due < now64(3, 'UTC'), 'broken', t.contact_promised IS NOT NULL, 'promised',
        t.answered IS NOT NULL, 'answered', t.posted < now64(3, 'UTC') - toIntervalDay(3), 'ignored', 'open') AS state,
    dateDiff('millisecond', t.posted, ifNull(t.resolved, now64(3, 'UTC'))) / 86400000 AS age_days
FROM reviews AS t
WHERE t.sentiment = 'negative' AND t.removed IS NULL
COMMENT 'Negative opinions that are not removed, and what became of them as it stands now: resolved, answered, promised (contact, still in time), broken (contact promised, and the time has passed), ignored (for more than 3 days), or open.'
