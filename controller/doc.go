// Package controller connects the parts: it watches manifests and what was made of them, observes,
// lets the other packages decide, executes, and reports.
//
// Reconcilers share the work on a cluster, split by what can fail together:
//
//	cluster     manifest → objects → API server; deletion; the status in one word
//	rollout     pods follow their StatefulSet, one step a pass (package rollout decides)
//	roleSyncer  roles and databases inside Postgres (package roles decides)
//	volumes     volumes grow with their manifest (package volumes decides)
//	upgrade     another major version, in place (package upgrade decides)
//
// Two more look beyond one cluster: overlays decides which templates are in force, fleet which clusters may
// take over a change that restarts pods.
//
// Each has its own queue, field manager and conditions. They meet only in the API server: Rollout and
// Roles start from the condition Applied, and Rollout trusts a StatefulSet only in the generation that
// Cluster has confirmed to hold what was rendered. So a database that hangs holds back no Service, and a
// foreign hand on a StatefulSet restarts no pod.
//
// The hazard here is memory. Caches lag behind our own writes, and the process may end between any two
// calls. Therefore a credential is made up only after the API server itself said that there is none, and
// whatever has to survive stands on an object: the generation in the status, the mark of an unfinished
// deletion on the primary's Service, the number to scale in to on the StatefulSet.
package controller
