CREATE OR REPLACE VIEW delivery
(
    bucket DateTime('UTC') COMMENT 'Start of the quarter-hour, UTC.',
    carrier LowCardinality(String) COMMENT 'Carrier; empty until one is known.',
    country LowCardinality(String) COMMENT 'Country shipped to, ISO 3166-1 alpha-2.',
    region LowCardinality(String) COMMENT 'Region shipped to.',
    warehouse LowCardinality(String) COMMENT 'Warehouse.',
    orders UInt64 COMMENT 'Orders.',
    promised UInt64 COMMENT 'Orders with a promised arrival.',
    shipped UInt64 COMMENT 'Orders handed over to the carrier.',
    delivered UInt64 COMMENT 'Orders delivered.',
    kept UInt64 COMMENT 'Orders delivered by the first promise.',
    broken UInt64 COMMENT 'Orders delivered after the first promise.',
    days_late Float64 COMMENT 'Days between first promise and delivery of the late orders, summed; divide by broken.',
    days_early Float64 COMMENT 'Days between delivery and first promise of the other delivered orders, summed; divide by kept.',
    warehouse_seconds Float64 COMMENT 'Seconds from order to handing over, summed; divide by shipped.',
    carried UInt64 COMMENT 'Orders of which both handing over and delivery are known.',
    carrier_seconds Float64 COMMENT 'Seconds from handing over to delivery, summed; divide by carried.',
    attempts UInt64 COMMENT 'Attempts that found nobody.',
    late UInt64 COMMENT 'Orders whose carrier reported a delay.',
    lost UInt64 COMMENT 'Orders whose carrier reported a loss.',
    damaged UInt64 COMMENT 'Orders whose carrier reported a damage.',
    refused UInt64 COMMENT 'Orders whose parcel was refused.',
    contacts UInt64 COMMENT 'Contacts opened about the orders.',
    cancelled UInt64 COMMENT 'Orders cancelled.',
    returned UInt64 COMMENT 'Orders that came back.',
    refunded UInt64 COMMENT 'Orders paid back.'
)
AS SELECT c.bucket AS bucket, c.carrier AS carrier, c.country AS country, c.region AS region, c.warehouse AS warehouse, c.orders AS orders, c.promised AS promised, c.shipped AS shipped, c.delivered AS delivered, c.kept AS kept, c.broken AS broken, c.days_late AS days_late, c.days_early AS days_early, c.warehouse_seconds AS warehouse_seconds, c.carried AS carried, c.carrier_seconds AS carrier_seconds, c.attempts AS attempts, c.late AS late, c.lost AS lost, c.damaged AS damaged, c.refused AS refused, c.contacts AS contacts, c.cancelled AS cancelled, c.returned AS returned, c.refunded AS refunded
FROM stored_delivery AS c FINAL
INNER JOIN (
    SELECT toDateTime(at, 'UTC') AS bucket, max(version) AS refreshed FROM refreshed
    WHERE cell = 'delivery' AND scope = 'bucket' GROUP BY at
) AS r ON c.bucket = r.bucket
WHERE c.version >= r.refreshed
COMMENT 'What became of orders and of their promised arrival, by the quarter-hour in which they were placed. All counts add up.'
