package authority

import "bytes"

// ReadBackup reads the CAs of a backup.
func ReadBackup(text []byte) ([]Certificate, error) {
	b, err := readBackup(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return b.certificates()
}
