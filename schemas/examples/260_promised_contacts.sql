-- Did we call back when we said that we would?
-- By where the complaint was posted. (The answer depends on when you ask.)
SELECT source, contact, count() AS cases, round(quantileExact(0.5)(hours_to_contact), 1) AS median_hours
FROM cases
WHERE month = '2026-03-01' AND contact != 'none'
GROUP BY source, contact
ORDER BY source, contact
