-- Which way do visits take through the shop?
-- From one stage to the next that they came to, and how many went no further. Level 1 is the first step of a visit.
SELECT level, from_stage, to_stage,
    sum(sessions) AS visits,
    round(100 * visits / sum(visits) OVER (PARTITION BY level, from_stage), 1) AS pct,
    round(sum(seconds) / visits / 60, 1) AS mean_minutes
FROM paths
WHERE day >= '2026-03-01' AND day < '2026-03-31' AND level <= 3
GROUP BY level, from_stage, to_stage
ORDER BY level, visits DESC
