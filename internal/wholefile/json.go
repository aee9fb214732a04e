package wholefile

import "encoding/json"

// WriteJSON writes v, indented for people, as the file of that path, which takes
// the place of one that is there already.
func WriteJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	f, err := Replace(path)
	if err != nil {
		return err
	}
	if _, err := f.Write(append(text, '\n')); err != nil {
		f.Discard()
		return err
	}
	return f.Publish()
}
