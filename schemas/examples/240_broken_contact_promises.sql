-- To whom did we promise to get in touch, and did not?
-- The oldest first. (The answer depends on when you ask.)
SELECT review, customer, source, stars, opened, contact_due
FROM cases
WHERE state = 'broken'
ORDER BY contact_due, review
LIMIT 5
