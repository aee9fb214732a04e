package main

import (
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/internal/pgtest"
)

// TestTheSchemaIsNotTheRehearsedOne: a file looks at rows, and does on the database what it
// did not on the clone. The run fails and says how they differ; the version is the plan's.
func TestTheSchemaIsNotTheRehearsedOne(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	chosen := p.tiny(map[string]string{
		"000011_one.up.sql": "CREATE TABLE one (n int);\nDO $$ BEGIN IF EXISTS (SELECT FROM users) THEN\n  CREATE TABLE surprise (n int);\n" +
			"  ALTER TABLE one ADD COLUMN more text;\nELSE\n  CREATE INDEX one_n ON one (n);\nEND IF; END $$;\n",
		"000011_one.down.sql": "DROP TABLE one;\nDROP TABLE IF EXISTS surprise;\n",
	})
	d := p.wantsDocument(ops.ExitChecks, "migrate --skip-backup"+chosen)
	wantResult(t, d, "rehearse", "rehearse.applies", ops.StatusPass)
	wantResult(t, d, "validate", "validate.rehearsed", ops.StatusFail, "3 differences from the clone", "+ table surprise", "+ column one.more text", "- index one_n")
	p.wantVersion(11)

	// What was rehearsed is kept, so that a later command compares with it: validate does not.
	compare := suggested(t, d, "compare with the rehearsed schema, now and when it is mended: ")
	if next := strings.Join(d.Error.Next, "\n"); strings.Contains(next, "clipperops validate") {
		t.Errorf("it suggests what does not compare:\n%s", next)
	}
	p.typed(ops.ExitChecks, compare, "table surprise", "one_n")
	pgtest.Exec(t, p.target, "DROP TABLE surprise; ALTER TABLE one DROP COLUMN more; CREATE INDEX one_n ON one (n)")
	p.typed(ops.ExitDone, compare)
	pgtest.Exec(t, p.target, "CREATE TABLE surprise (n int)")
	p.wants(ops.ExitDone, "rollback --target 10 --skip-backup"+chosen, "Rolled back to version 10")
	p.wants(ops.ExitChecks, "migrate --skip-backup"+chosen, "validate.rehearsed", "table surprise", "Validation checks failed!", `rollback --target 10`)
	p.wants(ops.ExitDone, "rollback --target 10 --skip-backup"+chosen)

	// On a clone with the rows it does the same.
	d = p.wantsDocument(ops.ExitDone, "migrate --rehearse data"+chosen)
	wantResult(t, d, "validate", "validate.rehearsed", ops.StatusPass)
	p.wantVersion(11)

	// Nobody looks where nobody is to.
	p.wants(ops.ExitDone, "rollback --target 10 --skip-backup"+chosen)
	p.wants(ops.ExitDone, "migrate --skip-backup --skip-validation"+chosen, "not validated")
	p.wantNoScratch()
}

// TestARollbackThatIsNotTheRehearsedOne fails its proof.
func TestARollbackThatIsNotTheRehearsedOne(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	chosen := p.tiny(map[string]string{
		"000011_one.up.sql":   "CREATE TABLE one (n int);\n",
		"000011_one.down.sql": "DROP TABLE one;\nDO $$ BEGIN IF EXISTS (SELECT FROM users) THEN CREATE TABLE surprise (n int); END IF; END $$;\n",
	})
	p.wants(ops.ExitDone, "migrate --skip-backup"+chosen)
	d := p.wantsDocument(ops.ExitChecks, "rollback --target 10 --skip-backup"+chosen)
	wantResult(t, d, "prove", "rollback.rehearsed", ops.StatusFail, "1 difference from the clone", "+ table surprise")
	p.wantVersion(10)
}

// TestWhatIsThereBesideTheChainIsRehearsedToo: a schema with most of what a database can
// have is cloned so that the change does the same there, and the clone does not differ.
func TestWhatIsThereBesideTheChainIsRehearsedToo(t *testing.T) {
	t.Parallel()
	p := atTen(t)
	pgtest.Exec(t, p.target, `
		CREATE SCHEMA billing;
		CREATE TYPE billing.state AS ENUM ('open', 'paid', 'void');
		CREATE DOMAIN billing.cents AS bigint CHECK (VALUE >= 0);
		CREATE TABLE billing.invoices (id bigint GENERATED ALWAYS AS IDENTITY, user_id uuid REFERENCES public.users, amount billing.cents,
			state billing.state DEFAULT 'open', made date NOT NULL, twice bigint GENERATED ALWAYS AS (amount * 2) STORED) PARTITION BY RANGE (made);
		CREATE TABLE billing.invoices_2026 PARTITION OF billing.invoices FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
		CREATE INDEX ON billing.invoices (user_id);
		CREATE VIEW billing.unpaid AS SELECT * FROM billing.invoices WHERE state = 'open';
		CREATE MATERIALIZED VIEW billing.totals AS SELECT user_id, sum(amount) AS amount FROM billing.invoices GROUP BY 1;
		CREATE UNIQUE INDEX ON billing.totals (user_id);
		CREATE FUNCTION billing.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.state := ''open''; RETURN NEW; END';
		CREATE TRIGGER touch BEFORE INSERT ON billing.invoices FOR EACH ROW EXECUTE FUNCTION billing.touch();
		ALTER TABLE users ENABLE ROW LEVEL SECURITY;
		CREATE POLICY everyone ON users USING (true);
		CREATE STATISTICS clips_s ON title, created_at FROM clips;
		CREATE RULE nothing AS ON DELETE TO billing.unpaid DO INSTEAD NOTHING;
		COMMENT ON TABLE billing.invoices IS 'what is owed; it''s much';
		GRANT USAGE ON SCHEMA billing TO PUBLIC; GRANT SELECT (id, state) ON billing.invoices TO PUBLIC;
		ALTER DEFAULT PRIVILEGES IN SCHEMA billing GRANT SELECT ON TABLES TO PUBLIC;
		INSERT INTO billing.invoices (amount, made) VALUES (100, '2026-02-01')`)
	before := p.schema()
	for _, mode := range []string{"schema", "data"} {
		d := p.wantsDocument(ops.ExitDone, "migrate --rehearse "+mode)
		wantResult(t, d, "rehearse", "rehearse.clone", ops.StatusPass)
		wantResult(t, d, "validate", "validate.rehearsed", ops.StatusPass)
		d = p.wantsDocument(ops.ExitDone, "rollback --target 10 --rehearse "+mode)
		wantResult(t, d, "rehearse", "rehearse.clone", ops.StatusPass)
		wantResult(t, d, "prove", "rollback.rehearsed", ops.StatusPass)
	}
	p.wantSchema(before)
	d := p.wantsDocument(ops.ExitDone, "migrate rehearse --rehearse-on local")
	wantResult(t, d, "rehearse", "rehearse.clone", ops.StatusPass)
	p.wantNoScratch()
}
