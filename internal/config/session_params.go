package config

// SessionParams returns those of the target's parameters that are settings of the
// server's session. The role to become is not among them: roles differ from
// server to server.
func (t Target) SessionParams() map[string]string {
	settings := map[string]string{}
	for name, text := range t.Params {
		if name == kwOptions || keywordsByName[name].use == useServer && name != "role" {
			settings[name] = text
		}
	}
	return settings
}
