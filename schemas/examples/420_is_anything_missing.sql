-- Is every record in a table?
-- The receipt by topic: each record was accepted, told twice, too late, or refused. `afterclick verify` proves it against Kafka.
SELECT topic, sum(l.records) AS records, sum(accepted) AS accepted, sum(duplicate) AS duplicate, sum(late) AS late, sum(refused) AS refused
FROM ledger AS l
GROUP BY topic
ORDER BY topic
