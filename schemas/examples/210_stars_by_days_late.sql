-- What does a day of delay cost in stars?
-- Mean rating by days between the promise and the delivery; below 0: it came early.
SELECT least(greatest(toInt32(floor(days_late)), -4), 5) AS days_after_promise,
    count() AS reviews,
    round(avg(stars), 2) AS mean_stars,
    round(100 * countIf(sentiment = 'negative') / reviews, 1) AS negative_pct
FROM reviews
WHERE posted >= '2026-03-01' AND posted < '2026-04-01' AND stars > 0 AND promise IN ('kept', 'broken')
GROUP BY days_after_promise
ORDER BY days_after_promise
