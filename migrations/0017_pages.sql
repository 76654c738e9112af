-- Listings come in pages, and the sweep finds what is due: neither reads every row.

CREATE INDEX pools_active_newest ON pools (created_at DESC, pool_id) WHERE active_name IS NOT NULL;
CREATE INDEX pools_newest ON pools (created_at DESC, pool_id);
CREATE INDEX pools_by_creator ON pools (created_by) WHERE active_name IS NOT NULL;
CREATE INDEX members_leads ON members (pool_id) WHERE role = 'lead' AND left_at IS NULL;
CREATE INDEX members_current ON members (pool_id) WHERE left_at IS NULL;
CREATE INDEX peers_by_device ON peers (device_id) WHERE device_id IS NOT NULL;
CREATE INDEX services_oldest ON services (registered_at, service_id);
-- when the sweep removes it: stale for another TTL, at least a minute
CREATE INDEX services_due ON services ((renewed_at + ttl + CASE WHEN ttl > 60000 THEN ttl ELSE 60000 END));
