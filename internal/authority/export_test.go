package authority

import "bytes"

// ReadBackup reads the CAs of a backup.
func ReadBackup(text []byte) ([]Certificate, error) {
	b, err := readBackup(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	cas, err := b.certificates()
	if err != nil {
		return nil, err
	}
	_, err = b.leaves(Authorities{CAs: cas})
	return cas, err
}
