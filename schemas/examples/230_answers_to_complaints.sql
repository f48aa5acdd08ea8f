-- Do we answer complaints, and how fast?
-- Negative opinions by where they were posted; hours to the first answer, median.
SELECT source,
    count() AS cases,
    round(100 * countIf(answered IS NOT NULL) / cases, 1) AS answered_pct,
    round(quantileExactIf(0.5)(dateDiff('minute', opened, answered), answered IS NOT NULL) / 60, 1) AS median_hours
FROM cases
WHERE month = '2026-03-01'
GROUP BY source
ORDER BY cases DESC, source
