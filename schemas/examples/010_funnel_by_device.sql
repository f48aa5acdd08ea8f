-- Where do visits end, by device?
-- Of 100 visits, how many got that far. Cells of the funnel are summed, then divided.
SELECT device,
    sum(sessions) AS visits,
    round(100 * sum(reached_view) / visits, 1) AS view_pct,
    round(100 * sum(reached_cart) / visits, 1) AS cart_pct,
    round(100 * sum(reached_checkout) / visits, 1) AS checkout_pct,
    round(100 * sum(reached_order) / visits, 2) AS order_pct
FROM funnel
WHERE bucket >= '2026-03-01' AND bucket < '2026-03-31'
GROUP BY device
ORDER BY visits DESC
