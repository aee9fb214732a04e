package pg

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Locale is what a database must be created with to hold what another holds; its JSON stands in the manifests of backups.
type Locale struct {
	Encoding string `json:"encoding"`
	Collate  string `json:"collate"`
	CType    string `json:"ctype"`
	// Provider is "libc", "icu" or "builtin"; Name is the locale of the latter two.
	Provider string `json:"provider"`
	Name     string `json:"name,omitempty"`
}

// ReadLocale reads what the database of conn was created with. The columns came one by
// one: the provider with 15, and what was daticulocale is datlocale since 17.
func ReadLocale(ctx context.Context, conn *pgx.Conn, major int) (Locale, error) {
	provider, name := "'c'", "''"
	switch {
	case major >= 17:
		provider, name = "datlocprovider", "coalesce(datlocale, '')"
	case major >= 15:
		provider, name = "datlocprovider", "coalesce(daticulocale, '')"
	}
	var l Locale
	var kind string
	err := conn.QueryRow(ctx, fmt.Sprintf(`
		SELECT pg_catalog.pg_encoding_to_char(encoding)::text, datcollate::text, datctype::text, (%s)::text, (%s)::text
		  FROM pg_catalog.pg_database WHERE datname = current_database()`, provider, name)).
		Scan(&l.Encoding, &l.Collate, &l.CType, &kind, &l.Name)
	if err != nil {
		return Locale{}, fmt.Errorf("reading the database's locale: %w", Cause(ctx, err))
	}
	l.Provider = map[string]string{"c": "libc", "i": "icu", "b": "builtin"}[kind]
	return l, nil
}

// CreateDatabase is the statement that makes an empty database of this locale.
// template0 alone may differ in locale from what is copied, and has nothing in
// it that the dump makes again.
func (l Locale) CreateDatabase(name string, major int) string {
	sql := fmt.Sprintf("CREATE DATABASE %s TEMPLATE template0 ENCODING %s LC_COLLATE %s LC_CTYPE %s",
		pgx.Identifier{name}.Sanitize(), literal(l.Encoding), literal(l.Collate), literal(l.CType))
	if major < 15 {
		return sql
	}
	switch l.Provider {
	case "icu":
		return sql + " LOCALE_PROVIDER icu ICU_LOCALE " + literal(l.Name)
	case "builtin":
		return sql + " LOCALE_PROVIDER builtin BUILTIN_LOCALE " + literal(l.Name)
	default:
		return sql + " LOCALE_PROVIDER libc"
	}
}
