-- What a user may see of the other domains of the pool [ACC-D17]: the domains' names and route numbers, and of
-- their people five fields. Limited to the pool of the bound domain; a domain without a pool sees nothing.
CREATE FUNCTION pool_domains()
RETURNS TABLE (id bigint, name text, display_name text, route_number text, dial_expression text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
AS $$
    SELECT d.id, d.name, d.display_name, COALESCE(d.route_number, ''), p.dial_expression
    FROM domain d JOIN pool p ON p.id = d.pool_id
    WHERE d.pool_id = (SELECT own.pool_id FROM domain own WHERE own.id = bound_domain())
$$;

-- Additional numbers of a user: those of the forwarding settings. plpgsql, because later migrations make the table.
CREATE FUNCTION forwarding_numbers(of_domain bigint, of_user bigint) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = public
AS $$
BEGIN
    RETURN ARRAY(SELECT CASE WHEN r.kind = 'sip' THEN r.number ELSE '+' || r.number END FROM forwarding_rule r
                 WHERE r.domain_id = of_domain AND r.user_id = of_user AND r.kind <> 'main'
                 ORDER BY r.priority, r.id);
END $$;

-- People of one domain of the pool (0: of all), by pickup group; `pickup` '' is last.
CREATE FUNCTION pool_people(of_domain bigint, wanted text, digits text)
RETURNS TABLE (domain_id bigint, extension text, display_name text, is_operator boolean, login text,
               numbers text[], pickup text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public
AS $$
BEGIN
    RETURN QUERY
    SELECT u.domain_id, u.extension, u.display_name, u.is_operator, u.login, f.numbers, COALESCE(g.name, '')
    FROM pool_domains() d JOIN domain_user u ON u.domain_id = d.id
    LEFT JOIN pickup_group g ON g.domain_id = u.domain_id AND g.id = u.pickup_group_id
    CROSS JOIN LATERAL (SELECT forwarding_numbers(u.domain_id, u.id) AS numbers) f
    WHERE (of_domain = 0 OR u.domain_id = of_domain)
      AND (wanted IS NULL OR u.display_name ILIKE wanted
           OR (digits IS NOT NULL AND EXISTS (SELECT FROM unnest(f.numbers) n WHERE n LIKE digits)));
END $$;

REVOKE ALL ON FUNCTION pool_domains(), pool_people(bigint, text, text), forwarding_numbers(bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pool_domains(), pool_people(bigint, text, text) TO switchroom_app;
