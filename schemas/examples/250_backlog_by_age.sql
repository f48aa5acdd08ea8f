-- Which complaints were open on a day, and for how long?
-- As it stood then, whatever came of them since.
SELECT age, state, count() AS cases
FROM backlog(at = '2026-03-25')
GROUP BY age, state
ORDER BY age, cases DESC, state
