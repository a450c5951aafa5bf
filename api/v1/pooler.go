package v1

// Poolers tells which connection poolers a manifest asks for: one in front of
// the primary, one in front of the replicas. A section connectionPooler alone
// asks for the first.
func (s *PostgresSpec) Poolers() (primary, replica bool) {
	primary = s.ConnectionPooler != nil
	if s.EnableConnectionPooler != nil {
		primary = *s.EnableConnectionPooler
	}
	return primary, s.EnableReplicaConnectionPooler != nil && *s.EnableReplicaConnectionPooler
}
