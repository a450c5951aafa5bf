// Package volumes decides how the volumes of a cluster become what its manifest asks for. It decides only:
// Decide takes all facts as one value and returns steps, and findings for people.
//
//	claim       by Kubernetes: the request of a claim is raised, its driver does the rest   (claim.go)
//	disk        by EC2: size, iops, throughput and type of an EBS volume                    (disk.go)
//	decision    which of them a mode uses, and what of the outcome a person has to know     (decide.go)
//
// The option storage_resize_mode chooses: pvc uses the claim, mixed the disk and then the claim, ebs the
// disk alone and then the file system in the pod, off nothing.
//
// The hazard is that nothing here can be undone. A volume never shrinks, a raised request can be lowered only
// while no volume has followed it, and EC2 lets a disk be changed seldom. So what cannot work is refused before
// it is tried, and said.
package volumes
