-- What was refused, and why?
-- Dead letters by reason, with one that shows it. The demo's shop sends none that is bad.
SELECT topic, reason, field, count() AS records, any(detail) AS for_example
FROM dead_letters
GROUP BY topic, reason, field
ORDER BY records DESC
