package cell

import "context"

// StateAt notes the totals of past days as it would have been done at another time.
func (r Refresher) StateAt(ctx context.Context, now string) error {
	for _, c := range Cells() {
		if err := r.exec(ctx, c.state(never, now)); err != nil {
			return err
		}
	}
	return nil
}

// State does it now.
func (r Refresher) State(ctx context.Context) (string, error) { return r.state(ctx, never) }
