"""What the index looks up for the words of a question: each by itself, phrases behind them."""

from alembic import op

revision = "0004"
down_revision = "0003"

# Together these match what `whole`, of `artstore_tsquery`, matches. Of a phrase the words are
# looked up one by one, so that it is compared only where all of them are.
LOOKUPS = """
CREATE FUNCTION artstore_lookups(alternatives jsonb, whole tsquery) RETURNS text[]
LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
    term jsonb;
    content text;
    word text;
    stemmed tsquery;
    plain tsquery;
    words text[] := '{}';
    phrases text[] := '{}';
BEGIN
    IF numnode(whole) = 0 THEN
        RETURN '{}';
    END IF;
    IF jsonb_array_length(alternatives) > 1 THEN
        RETURN ARRAY[whole::text];
    END IF;
    FOR term IN SELECT jsonb_array_elements(alternatives -> 0) LOOP
        CONTINUE WHEN (term ->> 'unwanted')::boolean;
        content := artstore_words(term ->> 'text');
        FOREACH word IN ARRAY string_to_array(trim(content), ' ') LOOP
            stemmed := phraseto_tsquery('russian', word);
            plain := phraseto_tsquery('simple', word);
            IF numnode(stemmed) > 0 THEN
                words := words || CASE WHEN stemmed = plain THEN plain
                    ELSE stemmed || plain END::text;
            END IF;
        END LOOP;
        stemmed := phraseto_tsquery('russian', content);
        plain := phraseto_tsquery('simple', content);
        IF numnode(plain) > 1 AND numnode(stemmed) > 0 THEN
            phrases := phrases || (stemmed || plain)::text;
        END IF;
    END LOOP;
    IF words = '{}' OR whole::text LIKE '%!%' THEN
        phrases := ARRAY[whole::text];
    END IF;
    RETURN ARRAY(SELECT DISTINCT unnest(words)) || phrases;
END
$$
"""


def upgrade() -> None:
    op.execute(LOOKUPS)


def downgrade() -> None:
    op.execute("DROP FUNCTION artstore_lookups")
