package storetest

import "github.com/sealwright/sealwright/internal/registry"

func testRepositoryPolicy(s *shop) {
	none := key("team/none")
	_, err := s.RepositoryPolicy(ctx, none)
	s.want(err, registry.ErrRepositoryNotFound)
	s.want(s.SetRepositoryPolicy(ctx, none, "{}", event("SetRepositoryPolicy")), registry.ErrRepositoryNotFound)
	_, err = s.DeleteRepositoryPolicy(ctx, none, event("DeleteRepositoryPolicy"))
	s.want(err, registry.ErrRepositoryNotFound)

	_, err = s.RepositoryPolicy(ctx, app)
	s.want(err, registry.ErrNoRepositoryPolicy)
	_, err = s.DeleteRepositoryPolicy(ctx, app, event("DeleteRepositoryPolicy"))
	s.want(err, registry.ErrNoRepositoryPolicy)
	for _, text := range []string{`{"a": 1}`, ` {"Ü":2}`} {
		s.must(s.SetRepositoryPolicy(ctx, app, text, event("SetRepositoryPolicy")))
		got, err := s.RepositoryPolicy(ctx, app)
		s.must(err)
		same(s, got, text)
	}
	was, err := s.DeleteRepositoryPolicy(ctx, app, event("DeleteRepositoryPolicy"))
	s.must(err)
	same(s, was, ` {"Ü":2}`)

	s.must(s.SetRepositoryPolicy(ctx, app, "{}", event("SetRepositoryPolicy")))
	r, err := s.DeleteRepository(ctx, app, true, event("DeleteRepository"))
	s.must(err)
	s.must(s.CreateRepository(ctx, r, event("CreateRepository")))
	_, err = s.RepositoryPolicy(ctx, app) // a new one of the name has none
	s.want(err, registry.ErrNoRepositoryPolicy)
	for n := 1; n > 0; {
		n, err = s.Sweep(ctx, 100)
		s.must(err)
	}
}

func testRegistryPolicy(s *shop) {
	_, err := s.RegistryPolicy(ctx, testAccount)
	s.want(err, registry.ErrNoRegistryPolicy)
	_, err = s.DeleteRegistryPolicy(ctx, testAccount, event("DeleteRegistryPolicy"))
	s.want(err, registry.ErrNoRegistryPolicy)
	for _, text := range []string{"{}", `{"a":1}`} {
		s.must(s.SetRegistryPolicy(ctx, testAccount, testRegion, text, event("PutRegistryPolicy")))
		got, err := s.RegistryPolicy(ctx, testAccount)
		s.must(err)
		same(s, got, text)
	}
	_, err = s.RegistryPolicy(ctx, otherAccount)
	s.want(err, registry.ErrNoRegistryPolicy)
	was, err := s.DeleteRegistryPolicy(ctx, testAccount, event("DeleteRegistryPolicy"))
	s.must(err)
	same(s, was, `{"a":1}`)
}
