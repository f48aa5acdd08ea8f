-- What is in the free properties of my clicks?
-- Every property that a tracker sends stays queryable, as JSON.
SELECT type, arrayJoin(JSONExtractKeys(properties)) AS property, count() AS clicks
FROM events
WHERE kind = 'clickstream' AND time >= '2026-03-10' AND time < '2026-03-11' AND properties != ''
GROUP BY type, property
ORDER BY clicks DESC, type, property
LIMIT 10
