package rehearsal

// WayBack says how far the way back over the plan leads, as it was rehearsed: to where
// the plan begins, to a version on the way there, or nowhere, which is where it ends. What
// keeps it from leading wholly back is said too; "" where nothing does.
func (o *Outcome) WayBack() (reaches int64, why string) {
	back := o.Pass(Back)
	switch {
	case back == nil && o.NoWayBack != nil:
		return o.Plan.To, causes(o.NoWayBack)[0]
	case back == nil:
		return o.Plan.From, ""
	case back.Failure != nil:
		reaches = o.Plan.To
		if versions, _ := o.reachable(back); len(versions) > 0 {
			reaches = versions[len(versions)-1]
		}
		return reaches, because(back)
	case o.Plan.Resumes:
		return o.Plan.From, ""
	}
	if changes := o.notRestored(); len(changes) > 0 && !onlyOrder(changes) {
		return o.Plan.From, o.wayBack() + " leave another schema than there was"
	}
	return o.Plan.From, ""
}
