-- What Asterisk may ask of the address books. Functions, not views: the node gets one answer to one question.

-- Where *<digits> of a user leads: 'out|+7…', 'in|101', or '' when there is no such speed dial [ABK-04].
CREATE FUNCTION asterisk.speed_dial(of_domain bigint, of_user bigint, digits text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
AS $$
    SELECT COALESCE((
        SELECT CASE
            WHEN n.number LIKE '+%' THEN 'out|' || n.number
            WHEN n.number IN ('101', '102', '103', '104', '112') THEN 'in|' || n.number
            WHEN n.number ~ '^[0-9]+$' THEN (SELECT 'in|' || i.digits FROM internal_number i
                                             WHERE i.domain_id = of_domain AND i.digits = n.number)
            ELSE (SELECT 'in|' || u.extension FROM domain_user u JOIN domain d ON d.id = u.domain_id
                  WHERE u.domain_id = of_domain
                  AND n.number IN (u.login, 'sip:' || u.login || '@' || d.name, 'sips:' || u.login || '@' || d.name))
            END
        FROM contact c JOIN contact_number n ON n.domain_id = c.domain_id AND n.contact_id = c.id
        WHERE c.domain_id = of_domain AND c.owner_key IN (0, of_user) AND c.speed_dial = digits
        ORDER BY c.owner_key DESC, n.ord LIMIT 1), '')
$$;

-- Name of a caller in the called user's book, else in the company's; '' for strangers. Of ASCII's signs only
-- . ' and - stay, as in phones' names elsewhere: nothing left means anything to SIP or to Asterisk.
CREATE FUNCTION asterisk.caller_name(of_domain bigint, of_user bigint, caller text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
AS $$
    SELECT COALESCE((
        SELECT left(btrim(regexp_replace(regexp_replace(c.name, '[\x01-\x1f!-&(-,/:-@[-`{-\x9f]+', ' ', 'g'), ' +', ' ', 'g')), 60)
        FROM contact_number n JOIN contact c ON c.domain_id = n.domain_id AND c.id = n.contact_id
        WHERE n.domain_id = of_domain AND n.number = CASE
            WHEN caller ~ '^\+' THEN caller
            WHEN caller ~ '^8[0-9]{10}$' THEN '+7' || substr(caller, 2)
            WHEN caller ~ '^[0-9]{10}$' THEN '+7' || caller
            WHEN caller ~ '^[0-9]{6,15}$' THEN '+' || caller
            ELSE caller END
        AND c.owner_key IN (0, of_user)
        ORDER BY c.owner_key DESC, c.id LIMIT 1), '')
$$;

REVOKE ALL ON FUNCTION asterisk.speed_dial(bigint, bigint, text), asterisk.caller_name(bigint, bigint, text)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION asterisk.speed_dial(bigint, bigint, text), asterisk.caller_name(bigint, bigint, text)
    TO switchroom_node;
