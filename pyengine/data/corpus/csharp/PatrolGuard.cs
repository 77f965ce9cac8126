using System.Collections;
using UnityEngine;
using UnityEngine.AI;
using UnityEngine.Events;

/// Walks between way points, and chases the player once it sees him.
[RequireComponent(typeof(NavMeshAgent))]
public class PatrolGuard : MonoBehaviour
{
    enum Mood { Patrol, Suspicious, Chase }

    [SerializeField] Transform[] wayPoints;
    [SerializeField, Range(10f, 180f)] float fieldOfView = 90f;
    [SerializeField] float sightDistance = 12f;
    [SerializeField] float memorySeconds = 4f;
    [SerializeField] LayerMask obstacles;
    public UnityEvent onPlayerSpotted;

    NavMeshAgent agent;
    Transform player;
    Mood mood = Mood.Patrol;
    int next;
    float lastSeen = float.NegativeInfinity;

    void Awake()
    {
        agent = GetComponent<NavMeshAgent>();
        player = GameObject.FindGameObjectWithTag("Player").transform;
    }

    void OnEnable() => StartCoroutine(Think());

    IEnumerator Think()
    {
        var pause = new WaitForSeconds(0.2f); // five times a second is plenty
        while (enabled)
        {
            bool visible = CanSee(player.position);
            if (visible) lastSeen = Time.time;

            if (visible && mood != Mood.Chase)
            {
                mood = Mood.Chase;
                onPlayerSpotted.Invoke();
            }
            else if (mood == Mood.Chase && Time.time - lastSeen > memorySeconds)
            {
                mood = Mood.Suspicious;
                yield return LookAround();
                mood = Mood.Patrol;
            }

            if (mood == Mood.Chase)
                agent.SetDestination(player.position);
            else if (!agent.pathPending && agent.remainingDistance < 0.5f && wayPoints.Length > 0)
            {
                agent.SetDestination(wayPoints[next].position);
                next = (next + 1) % wayPoints.Length;
            }
            yield return pause;
        }
    }

    IEnumerator LookAround()
    {
        agent.ResetPath();
        for (float turned = 0f; turned < 360f; turned += 120f * Time.deltaTime)
        {
            transform.Rotate(0f, 120f * Time.deltaTime, 0f);
            yield return null;
        }
    }

    bool CanSee(Vector3 target)
    {
        Vector3 eye = transform.position + Vector3.up * 1.6f;
        Vector3 toTarget = target - eye;
        if (toTarget.sqrMagnitude > sightDistance * sightDistance) return false;
        if (Vector3.Angle(transform.forward, toTarget) > fieldOfView * 0.5f) return false;
        return !Physics.Raycast(eye, toTarget.normalized, toTarget.magnitude, obstacles);
    }

#if UNITY_EDITOR
    void OnDrawGizmosSelected()
    {
        Gizmos.color = mood == Mood.Chase ? Color.red : Color.yellow;
        Gizmos.DrawWireSphere(transform.position, sightDistance);
    }
#endif
}
