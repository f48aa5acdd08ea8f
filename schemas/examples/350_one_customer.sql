-- What happened to one customer?
-- On all devices and channels, in order of time. A session without a login is known by those before or after it on the same device.
SELECT at, channel, what, detail
FROM timeline(customer = 'c-100434')
WHERE at >= '2026-03-07'
ORDER BY at, what
LIMIT 25
