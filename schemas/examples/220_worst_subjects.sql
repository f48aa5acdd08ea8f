-- What do people complain of most?
-- Subjects with at least 5 opinions, worst first. Few opinions are pulled towards the mean of all.
WITH (SELECT sum(stars) / sum(rated) FROM reputation) AS average
SELECT subject_kind AS kind, subject,
    sum(opinions) AS opinions,
    sum(negative) AS negative,
    round((sum(stars) + 5 * average) / (sum(rated) + 5), 2) AS stars
FROM reputation
WHERE bucket >= '2026-03-01' AND bucket < '2026-04-01'
GROUP BY kind, subject
HAVING opinions >= 5
ORDER BY stars, kind, subject
LIMIT 8
