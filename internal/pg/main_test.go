package pg_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/pg"
)

// The variables that make this test program one that holds a clone until it is
// killed: of which database, for which run.
const (
	holdURL = "PG_TEST_HOLD_URL"
	holdRun = "PG_TEST_HOLD_RUN"
	// holdWhere is "filling" to stop while the clone is being filled; otherwise it is whole.
	holdWhere = "PG_TEST_HOLD_WHERE"
)

// TestMain lets the tests start this program as one that is killed: that cannot
// be done to the tests' own process.
func TestMain(m *testing.M) {
	if os.Getenv(holdURL) == "" {
		os.Exit(m.Run())
	}
	if err := holdClone(context.Background()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("whole")
	select {}
}

func holdClone(ctx context.Context) error {
	source, err := config.ParseTarget(os.Getenv(holdURL))
	if err != nil {
		return err
	}
	programs, err := pg.FindPrograms(ctx, pg.ProgramOptions{PathEnv: os.Getenv("PATH"), Environ: os.Environ()})
	if err != nil {
		return err
	}
	r := pg.CloneRequest{Source: source, Run: os.Getenv(holdRun), Application: "clipperops killed", Programs: programs}
	if os.Getenv(holdWhere) == "filling" {
		r.Fill = func(context.Context, config.Target, pg.Programs) error {
			fmt.Println("filling")
			select {}
		}
	}
	_, err = pg.SameServer(source).Clone(ctx, r)
	return err
}
