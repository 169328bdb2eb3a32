-- A published version takes no new rates either: a charge that names it must stay explicable [FIN-62].
DROP TRIGGER tariff_rate_frozen ON tariff_rate;
CREATE TRIGGER tariff_rate_frozen BEFORE INSERT OR UPDATE OR DELETE ON tariff_rate
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_published();
