CREATE OR REPLACE VIEW review_orders
(
    review String COMMENT 'Id of the opinion.',
    month DateTime64(3, 'UTC') COMMENT 'First of the month of the opinion, UTC; filter by it.',
    order String COMMENT 'Order that it is about; empty: unknown.',
    how String COMMENT 'How that is known: named, matched, ambiguous, unknown.',
    candidates UInt64 COMMENT 'Orders that it may be about, if it names none.',
    customer String COMMENT 'Known person\'s id.',
    posted Nullable(DateTime64(3, 'UTC')) COMMENT 'Posted.',
    stars Float64 COMMENT 'Rating on a scale from 1 to 5; 0: none.',
    complained Nullable(DateTime64(3, 'UTC')) COMMENT 'First version that was negative; NULL: never.',
    answered Nullable(DateTime64(3, 'UTC')) COMMENT 'First answer; NULL: never.',
    resolved Nullable(DateTime64(3, 'UTC')) COMMENT 'Resolved for the first time; NULL: never.',
    removed Nullable(DateTime64(3, 'UTC')) COMMENT 'Removed; NULL: never.'
)
AS SELECT t.review AS review,
    t.month AS month,
    if(t.order != '', t.order, m.order) AS order,
    multiIf(t.order != '', 'named', m.candidates = 1, 'matched', m.candidates > 1, 'ambiguous', 'unknown') AS how,
    m.candidates AS candidates,
    t.customer AS customer,
    t.posted AS posted,
    t.stars AS stars,
    t.complained AS complained,
    t.answered AS answered,
    t.resolved AS resolved,
    t.removed AS removed
FROM reviews AS t
LEFT JOIN (
    SELECT r.month AS month, r.review AS review, argMax(o.order, (o.delivered, o.order)) AS order, uniqExact(o.order) AS candidates
    FROM (
        SELECT month, review, customer, posted, subject.1 AS kind, subject.2 AS product FROM reviews
        ARRAY JOIN arrayZip(`subjects.kind`, `subjects.id`) AS subject
        WHERE order = '' AND customer != '' AND posted IS NOT NULL AND subject.1 = 'product'
    ) AS r
    INNER JOIN (
        SELECT order, customer, delivered, product FROM journeys ARRAY JOIN `items.product` AS product
        WHERE delivered IS NOT NULL AND customer IN (SELECT customer FROM stored_reviews WHERE order = '' AND customer != '')
    ) AS o ON r.customer = o.customer AND r.product = o.product
    WHERE o.delivered <= r.posted
    GROUP BY r.month, r.review
) AS m ON t.order = '' AND t.month = m.month AND t.review = m.review
SETTINGS join_use_nulls = 0
COMMENT 'Opinions with the order that they are about. One that names no order, but a customer and a product, is about the latest order of that product by that customer that was delivered before it was posted. how: named, matched (there is one such order), ambiguous (there are several; the latest is shown), unknown (none, or no customer or product is named). Example: SELECT how, count() FROM review_orders WHERE month >= \'2026-01-01\' GROUP BY how.'
